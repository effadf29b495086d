/** Line drawings on a grid of 20, by name. They have no meaning of their own: the text is beside them, or in a label. */
const shapes = {
  overview: 'M3 10.5 10 4l7 6.5M5 9v7.5h10V9',
  links: 'M8.5 11.5a3 3 0 0 0 4.3 0l3-3a3 3 0 0 0-4.3-4.2l-1 1M11.5 8.5a3 3 0 0 0-4.3 0l-3 3a3 3 0 0 0 4.3 4.2l1-1',
  key: 'M12.5 3.5a4 4 0 1 1-3.4 6.1L3.5 15v2h3v-2h2v-2h1.5M13.5 6.5v.01',
  sessions: 'M3 4.5h14v9H3zM7 17h6M10 13.5V17',
  person: 'M10 3.5a3.2 3.2 0 1 1 0 6.400 3.2 3.2 0 0 1 0-6.400M3.5 17a6.5 6.5 0 0 1 13 0',
  people:
    'M7.5 4a2.800 2.800 0 1 1 0 5.600 2.800 2.800 0 0 1 0-5.600M2 16.500a5.500 5.500 0 0 1 11 0M13 4.300a2.800 2.800 0 0 1 0 5M15 11.800a5.500 5.500 0 0 1 3 4.700',
  system: 'M3 10h3l2-5 4 10 2-5h3',
  plus: 'M10 4v12M4 10h12',
  search: 'M9 4a5 5 0 1 1 0 10A5 5 0 0 1 9 4m3.7 8.7L17 17',
  copy: 'M7.5 7.5h9v9h-9zM12.5 7.5v-4h-9v9h4',
  check: 'm4 10.5 4 4 8-9',
  edit: 'M12.5 4.5 15.5 7.5 7 16H4v-3zM11 6l3 3',
  trash: 'M4 6h12M8 6V4h4v2M5.5 6l.7 10.5h7.6L14.5 6M8.5 9v4.500M11.5 9v4.5',
  qr: 'M4 4h5v5H4zM11 4h5v5h-5zM4 11h5v5H4zM11 11h2v2h-2zM14 14h2v2h-2z',
  pause: 'M7.5 5v10M12.5 5v10',
  play: 'M6.5 4.500v11l9-5.500z',
  restore: 'M4 4v4h4M4.5 8a6 6 0 1 1-.5 4',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  close: 'm5 5 10 10M15 5 5 15',
  warning: 'M10 3 2.5 16.500h15zM10 8v4M10 14.400v.01',
  offline:
    'M3 3l14 14M5 12a7 7 0 0 1 3-1.700M2.5 8.500A11 11 0 0 1 6.5 6M9 5.500a11 11 0 0 1 8.5 3M12.5 10.500a7 7 0 0 1 2.5 1.500M10 15.500v.01',
  up: 'm5 12 5-5 5 5',
  down: 'm5 8 5 5 5-5',
  out: 'M11 4h5v5M16 4l-7 7M13.5 11.500V16H4V6.500h4.5',
  leave: 'M12 6V4H4v12h8v-2M8.5 10H17M14 7l3 3-3 3',
  sun: 'M10 7a3 3 0 1 1 0 6 3 3 0 0 1 0-6M10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1',
  moon: 'M16 12.2A6.5 6.5 0 0 1 7.8 4a6.5 6.5 0 1 0 8.2 8.200z',
  halves: 'M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14M10 3v14M10 7.500l5.5-2M10 12l6.5-3M10 16l6-3',
  keyboard: 'M2.5 5.500h15v9h-15zM5.5 8.500v.01M8.5 8.500v.01M11.5 8.500v.01M14.5 8.500v.01M6.5 11.500h7',
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" fill="none" aria-hidden="true" focusable="false">
      <path d={shapes[name]} stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
