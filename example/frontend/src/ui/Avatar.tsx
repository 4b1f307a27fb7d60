/** A person as a coloured disc with initials, always the same colour; the name is its text for screen readers. */
export function Avatar({ name, small = false }: { name: string; small?: boolean }) {
  const initials = name
    .split(/\s+/)
    .map((word) => word.charAt(0))
    .slice(0, 2)
    .join("");
  return (
    <span className={small ? "avatar avatar-small" : "avatar"} style={{ "--hue": hue(name) }} title={name}>
      <span aria-hidden="true">{initials}</span>
      <span className="sr-only">{name}</span>
    </span>
  );
}

function hue(name: string): number {
  let sum = 0;
  for (const character of name) sum = (sum * 31 + character.charCodeAt(0)) % 360;
  return sum;
}
