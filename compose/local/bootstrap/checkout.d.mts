export const checkout: string;
export const installDir: string;
export const meshNode: string;
