// Bodies are kept in an array until they are acknowledged, which one of five is not: 200 KiB a second.
// expect: leak of heap mapping
'use strict';
const verdict = require('../support/verdict.js');

const unacknowledged = [];

function readBody(number) {
    const body = Buffer.alloc(20000, number & 255); // LEAK HERE
    body.writeUInt32LE(number);
    return body;
}

function handleRequest(number) {
    const body = readBody(number);
    unacknowledged.push(body);
    if (number % 5 !== 0) unacknowledged.pop();
}

verdict.start();
verdict.every(50, handleRequest);
