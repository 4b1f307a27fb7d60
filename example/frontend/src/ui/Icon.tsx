/** Line icons, 20 by 20, in the colour of the text. They are decoration: what they stand on has a name of its own. */
const PATHS = {
  board: "M4 4h5v12H4zM11 4h5v7h-5z",
  check: "m4.5 10.5 3.5 3.5 7.5-8",
  close: "m5.5 5.5 9 9m0-9-9 9",
  comment: "M4 4.5h12v8.5H9l-3 3v-3H4z",
  hood: "m4 6 3.5 4L4 14m6 0h6",
  list: "M8 5.5h8M8 10h8M8 14.5h8M4 5.5h.01M4 10h.01M4 14.5h.01",
  menu: "M3.5 5.5h13M3.5 10h13M3.5 14.5h13",
  moon: "M16 11.5A6.5 6.5 0 0 1 8.5 4a6.5 6.5 0 1 0 7.5 7.5z",
  out: "M8 4H4.5v12H8m4-9.5L15.5 10 12 13.5M15 10H8",
  people:
    "M7.5 9.5a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5zM2.5 16c.4-2.6 2.3-4 5-4s4.600 1.400 5 4M13 4.500a2.500 2.500 0 0 1 0 4.800M14.500 12.200c1.700.5 2.700 1.800 3 3.800",
  plus: "M10 4v12M4 10h12",
  sun: "M10 13.250a3.250 3.250 0 1 0 0-6.500 3.250 3.250 0 0 0 0 6.500zM10 2.500v1.500m0 12v1.500M2.500 10H4m12 0h1.500M4.700 4.700l1 1m8.600 8.600 1 1m0-10.600-1 1m-8.600 8.600-1 1",
  trash: "M4 6h12M8 6V4h4v2m2.500 0-.7 10H6.200L5.500 6",
  warning: "M10 3.500 17 16H3zM10 8.500v3.500m0 2v.01",
} as const;

const GRIP = [5, 10, 15].flatMap((y) => [7.5, 12.5].map((x) => ({ x, y })));

export function Icon({ name }: { name: keyof typeof PATHS | "grip" }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
      {name === "grip" ? (
        GRIP.map(({ x, y }) => <circle key={`${x} ${y}`} cx={x} cy={y} r="1.4" fill="currentColor" />)
      ) : (
        <path
          d={PATHS[name]}
          fill="none"
          stroke="currentColor"
          strokeWidth="1.6"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      )}
    </svg>
  );
}
