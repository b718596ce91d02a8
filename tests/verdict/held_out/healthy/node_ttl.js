// Sessions live for ten seconds: a timer takes each away. 60 a second.
// expect: quiet
'use strict';
const verdict = require('../../support/verdict.js');

const sessions = new Map();

function openSession(number) {
    sessions.set(number, { number, history: Array.from({ length: 200 }, (_, i) => number * 0.5 + i) });
    setTimeout(() => sessions.delete(number), 10000);
}

verdict.start();
verdict.every(60, openSession);
