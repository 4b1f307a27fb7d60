/**
 * Counts which components render, by name, through the hook that React offers to its developer tools. To be imported
 * before React DOM is.
 */
interface Fiber {
  readonly type: unknown;
  readonly flags: number;
  readonly alternate: Fiber | null;
  readonly child: Fiber | null;
  readonly sibling: Fiber | null;
}

/** React sets this flag on a fiber whose component was called in this commit. */
const PERFORMED_WORK = 1;

let counts = new Map<string, number>();

/** How often each component has rendered since the last call. */
export function takeRenders(): Map<string, number> {
  const taken = counts;
  counts = new Map();
  return taken;
}

function count(first: Fiber | null): void {
  for (let fiber = first; fiber !== null; fiber = fiber.sibling) {
    const { type, flags, alternate, child } = fiber;
    const name = typeof type === "function" ? type.name : null;
    if (name && (alternate === null || flags & PERFORMED_WORK)) counts.set(name, (counts.get(name) ?? 0) + 1);
    // The same child as before: nothing below has been looked at.
    if (child !== alternate?.child) count(child);
  }
}

Object.assign(globalThis, {
  __REACT_DEVTOOLS_GLOBAL_HOOK__: {
    isDisabled: false,
    supportsFiber: true,
    renderers: new Map(),
    inject: () => 1,
    checkDCE: () => undefined,
    onScheduleFiberRoot: () => undefined,
    onCommitFiberUnmount: () => undefined,
    onPostCommitFiberRoot: () => undefined,
    onCommitFiberRoot: (_: number, root: { current: Fiber }) => count(root.current.child),
  },
});
