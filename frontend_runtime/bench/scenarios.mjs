/** What is measured: documents as a channel serves them, and patches as the server writes them; knows no library. */
import jsonPatch from "fast-json-patch";

const ROWS = 10_000;
/** Different ones take turns, so that no library can remember a place. */
const PATCHES = 64;

const row = (id) => ({
  id,
  title: `Task ${id}`,
  done: false,
  position: id,
  due: "2026-11-24T09:00:00Z",
  assignee: { id: id % 50, name: `Person ${id % 50}` },
  tags: ["red", "green"],
});

const project = () => ({
  id: 7,
  name: "Harvest",
  owner: { id: 1, name: "Ada" },
  tasks: Array.from({ length: ROWS }, (_, id) => row(id)),
});

const expected = (document, patch) => jsonPatch.applyPatch(document, patch).newDocument;
/** The place that patch number `i` concerns: all over the array, away from both ends. */
const at = (i) => 500 + ((i * 613) % (ROWS - 1000));
const patches = (write) => Array.from({ length: PATCHES }, (_, i) => write(i));
const onProject = { document: project, expected, untouched: ({ tasks }) => tasks[3] };

const deep = () => ({
  untouched: { a: [1, 2, 3] },
  a: { b: Array.from({ length: 10 }, () => ({ c: { d: { e: Array.from({ length: 10 }, (_, id) => row(id)) } } })) },
});

export const scenarios = [
  {
    name: "10,000 rows, one field replaced",
    ...onProject,
    patches: patches((i) => [{ op: "replace", path: `/tasks/${at(i)}/title`, value: `Changed ${i}` }]),
  },
  {
    name: "10,000 rows, one field two levels down replaced",
    ...onProject,
    patches: patches((i) => [{ op: "replace", path: `/tasks/${at(i)}/assignee/name`, value: `Changed ${i}` }]),
  },
  {
    name: "10,000 rows, one appended",
    ...onProject,
    patches: patches((i) => [{ op: "add", path: `/tasks/${ROWS}`, value: row(ROWS + i) }]),
  },
  {
    name: "10,000 rows, one inserted",
    ...onProject,
    patches: patches((i) => [{ op: "add", path: `/tasks/${at(i)}`, value: row(ROWS + i) }]),
  },
  {
    name: "10,000 rows, one removed",
    ...onProject,
    patches: patches((i) => [{ op: "remove", path: `/tasks/${at(i)}` }]),
  },
  {
    name: "10,000 rows, one moved across 6,000 others",
    ...onProject,
    patches: patches((i) => [{ op: "move", from: `/tasks/${1000 + i}`, path: `/tasks/${7000 + i}` }]),
  },
  {
    name: "10,000 rows, a field of 100 of them replaced by one patch",
    ...onProject,
    patches: patches((i) =>
      Array.from({ length: 100 }, (_, j) => ({
        op: "replace",
        path: `/tasks/${at(i) + ((j * 61) % 499)}/done`,
        value: true,
      })),
    ),
  },
  {
    name: "10 rows, one field eight levels down replaced",
    document: deep,
    expected,
    untouched: (document) => document.untouched,
    patches: patches((i) => [{ op: "replace", path: `/a/b/${i % 10}/c/d/e/${i % 7}/title`, value: `Changed ${i}` }]),
  },
];
