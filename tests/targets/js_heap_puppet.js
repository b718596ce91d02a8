// js_heap_puppet: a Node program that keeps some of what it allocates on its JavaScript heap: `keep COUNT` for ever, `listen COUNT`, too, but
// by functions that refer to it, `hold COUNT` until `forget`, `drop COUNT` not at all; `collect` runs a full collection. `worker COUNT` starts
// a worker that keeps so much, `work COUNT` more, until `end`. Answers DONE and the bytes that the rows of this command take.
// Run with --expose-gc, and with --no-allocation-site-pretenuring, as V8 makes old at once what mostly survives.
"use strict";

// Sizes without a rhythm: one object for each 256 KiB is looked at.
let seed = 1;
function elements() {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return 200 + seed % 600;
}
const bytesOf = (count) => 16 + 8 * count + 32;  // elements and the array itself

const kept = [];
const listeners = [];
let held = [];
let last;

function keepRow(number) {
    const count = elements();
    kept.push(new Array(count).fill(number));
    return bytesOf(count);
}

function holdRow(number) {
    const count = elements();
    held.push(new Array(count).fill(number));
    return bytesOf(count);
}

function makeRow(number) {
    const count = elements();
    return { number, values: new Array(count).fill(number) };
}

function listenRow(number) {
    const row = makeRow(number);
    listeners.push(() => row.number);  // kept here
    return bytesOf(row.values.length);
}

function dropRow(number) {
    const count = elements();
    last = new Array(count).fill(number);
    return bytesOf(count);
}

function repeat(row, count) {
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += row(i);
    return bytes;
}

const commands = {
    keep(count) { return repeat(keepRow, count); },
    hold(count) { return repeat(holdRow, count); },
    drop(count) { return repeat(dropRow, count); },
    listen(count) { return repeat(listenRow, count); },
    forget() { held = []; return 0; },
    collect() { globalThis.gc(); return 0; },
    worker(count) { startWorker(count); },
    work(count) { worker.postMessage(count); },
    end() { worker.postMessage(0); },
};

// A heap of its own: keeps as many rows as it is told, collects, and ends when it is told 0.
const kWorkerCode = `
    const { parentPort } = require("worker_threads");
    let seed = 1;
    ${elements}
    const bytesOf = ${bytesOf};
    const kept = [];
    ${keepRow}
    ${repeat}
    parentPort.on("message", (count) => {
        if (count === 0) process.exit(0);
        const bytes = repeat(keepRow, count);
        globalThis.gc();
        parentPort.postMessage(bytes);
    });`;
let worker;

function startWorker(count) {
    const { Worker } = require("worker_threads");
    worker = new Worker(kWorkerCode, { eval: true });
    worker.on("message", answer);
    worker.on("exit", () => answer(0));
    worker.postMessage(count);
}

function answer(bytes) {
    console.log(`DONE ${bytes}`);
}

require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
    const [name, count] = line.split(" ");
    if (name === "quit") process.exit(0);
    const bytes = commands[name](Number(count));
    if (bytes !== undefined) answer(bytes);
}).on("close", () => process.exit(0));
console.log("DONE");
