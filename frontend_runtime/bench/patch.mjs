/**
 * Measures `applyPatch` beside every published library known to share structure, and one that mutates, for reference.
 *
 * One process, rounds in which each library has a turn in an order of its own, medians of the rounds. Each result is
 * first compared with what fast-json-patch makes of a deep copy. `npm run bench`, or `npm run bench -- 200` for more rounds.
 */
import assert from "node:assert/strict";
import { cpus } from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { contenders, versions } from "./contenders.mjs";
import { scenarios } from "./scenarios.mjs";

const ROUNDS = Number(process.argv[2] ?? 60);
/** How long a turn takes, about, in microseconds. */
const TURN = 4000;
/** Turns before anything is measured: the compiler has had its say. */
const WARM_UP = 25;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

/** Microseconds per application. The results are kept as long as the next one is made, as a store would. */
function turn({ apply, patches }, document, repetitions) {
  let result = document;
  const start = process.hrtime.bigint();
  for (let i = 0; i < repetitions; i++) result = apply(document, patches[i % patches.length]);
  const time = Number(process.hrtime.bigint() - start) / 1000 / repetitions;
  assert.notEqual(result, undefined);
  return time;
}

function shuffle(list) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}

/** What a contender makes of a scenario is right, and shares what was not touched; throws otherwise. */
function verify({ apply, patches, name, mutates }, scenario) {
  const document = scenario.document();
  patches.slice(0, 3).forEach((patch, index) => {
    const before = mutates ? structuredClone(document) : document;
    const text = JSON.stringify(before);
    const result = apply(before, patch);
    const expected = scenario.expected(scenario.document(), scenario.patches[index]);
    assert.deepEqual(JSON.parse(JSON.stringify(result)), expected, `${name}: wrong`);
    if (mutates) return;
    assert.equal(JSON.stringify(before), text, `${name} mutates`);
    assert.equal(scenario.untouched(result), scenario.untouched(before), `${name} does not share`);
  });
}

function measure(scenario) {
  const entrants = contenders.flatMap((contender) => {
    const patches = scenario.patches.map((patch) => contender.prepare(patch, scenario.document()));
    if (patches.some((patch) => patch === null)) return [];
    const entrant = { ...contender, patches, times: [], document: scenario.document() };
    try {
      verify(entrant, scenario);
    } catch (error) {
      return [{ ...entrant, failure: error.message.split("\n")[0] }];
    }
    return [entrant];
  });
  const able = entrants.filter(({ failure }) => failure === undefined);
  for (const entrant of able) {
    let repetitions = 1;
    for (let i = 0; i < WARM_UP; i++) {
      const time = turn(entrant, entrant.document, repetitions);
      repetitions = Math.max(1, Math.min(20_000, Math.round(TURN / time)));
    }
    entrant.repetitions = repetitions;
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const entrant of shuffle([...able])) {
      collectGarbage();
      entrant.times.push(turn(entrant, entrant.document, entrant.repetitions));
    }
  }
  return entrants;
}

const quantile = (times, share) => times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) * share)];

console.log(`Node ${process.version}, ${cpus()[0].model.trim()} × ${cpus().length}; ${ROUNDS} rounds; ${versions()}\n`);
for (const scenario of scenarios) {
  console.log(`${scenario.name}\n\n| | median µs | middle half | ratio to ours |\n|---|---:|---:|---:|`);
  const entrants = measure(scenario);
  const ours = entrants[0];
  for (const { name, times, failure } of entrants) {
    if (failure !== undefined) {
      console.log(`| ${name} | – | ${failure} | |`);
      continue;
    }
    // Of each round the ratio, then the median of these: what slows a whole round down cancels out.
    const ratio = quantile(times.map((time, round) => time / ours.times[round]), 0.5);
    const spread = `${quantile(times, 0.25).toFixed(2)}–${quantile(times, 0.75).toFixed(2)}`;
    console.log(`| ${name} | ${quantile(times, 0.5).toFixed(2)} | ${spread} | ${ratio.toFixed(2)} |`);
  }
  console.log("");
}
