// Requests wait in a queue for an answer that does not come; each promise keeps its request. About 300 KiB a second.
// expect: leak of heap mapping
'use strict';
const verdict = require('../../support/verdict.js');

const waiting = new Map();

function send(number) {
    const payload = Array.from({ length: 200 }, (_, i) => number / (i + 1)); // LEAK HERE
    return new Promise((resolve) => waiting.set(number, { payload, resolve })); // LEAK HERE
}

async function handleRequest(number) {
    const answer = await send(number);
    return answer.length;
}

verdict.start();
verdict.every(150, (number) => {
    handleRequest(number);
    if (number % 3 === 0) { waiting.get(number).resolve('answer'); waiting.delete(number); }
});
