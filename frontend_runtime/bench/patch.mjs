/**
 * Measures `applyPatch` beside every published library known to share structure, and one that mutates, for reference.
 *
 * One process, rounds in which each library has a turn in an order of its own, medians of the rounds. Each result is
 * first compared with what fast-json-patch makes of a deep copy. `npm run bench`, or `npm run bench -- 1000` for more rounds.
 */
import assert from "node:assert/strict";
import { cpus } from "node:os";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { contenders, versions } from "./contenders.mjs";
import { scenarios } from "./scenarios.mjs";

const ROUNDS = Number(process.argv[2] ?? 300);
/** How long a turn takes, about, in microseconds: short, so that other processes interrupt few of them. */
const TURN = 500;
/** How long each is run before anything is measured, so that the compiler has had its say. Microseconds. */
const WARM_UP = 300_000;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

/** Microseconds per application. Each result is kept while the next one is made, as a store would. */
function turn({ apply, patches, document }, repetitions) {
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
    assert.deepEqual(JSON.parse(JSON.stringify(result)), expected, "gives another result");
    if (mutates) return;
    assert.equal(JSON.stringify(before), text, "mutates its input");
    assert.equal(scenario.untouched(result), scenario.untouched(before), "copies what is not touched");
  });
}

function measure(scenario) {
  const shared = scenario.document();
  const entrants = contenders.flatMap((contender) => {
    const patches = scenario.patches.map((patch) => contender.prepare(patch, scenario.document()));
    if (patches.some((patch) => patch === null)) return [];
    // Who writes to the document, or freezes it, has one of its own.
    const document = contender.mutates || contender.freezes ? scenario.document() : shared;
    const entrant = { ...contender, patches, document, repetitions: 1, times: [] };
    try {
      verify(entrant, scenario);
    } catch (error) {
      return [{ ...entrant, failure: error.message.split("\n")[0] }];
    }
    return [entrant];
  });
  const able = entrants.filter(({ failure }) => failure === undefined);
  for (const entrant of able) {
    let spent = 0;
    while (spent < WARM_UP) {
      const time = turn(entrant, entrant.repetitions);
      spent += time * entrant.repetitions;
      entrant.repetitions = Math.max(1, Math.round(TURN / time));
    }
  }
  collectGarbage();
  for (let round = 0; round < ROUNDS; round++) {
    for (const entrant of shuffle([...able])) {
      collectGarbage({ type: "minor" });
      entrant.times.push(turn(entrant, entrant.repetitions));
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
    const ratio = quantile(
      times.map((time, round) => time / ours.times[round]),
      0.5,
    );
    const spread = `${quantile(times, 0.25).toFixed(2)}–${quantile(times, 0.75).toFixed(2)}`;
    console.log(`| ${name} | ${quantile(times, 0.5).toFixed(2)} | ${spread} | ${ratio.toFixed(2)} |`);
  }
  console.log("");
}
