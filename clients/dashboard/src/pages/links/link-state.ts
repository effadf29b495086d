/** What the states of a link are called. */
export const stateName: Readonly<Record<string, string>> = {
  active: 'Active',
  disabled: 'Disabled',
  expired: 'Expired',
  used_up: 'Used up',
  deleted: 'Deleted',
};
