// The last 300 sessions in an array: each new one replaces the oldest. 50 a second.
// expect: quiet
'use strict';
const verdict = require('../support/verdict.js');

const sessions = new Array(300).fill(null);

function openSession(number) {
    return { number, history: Array.from({ length: 250 }, (_, i) => number * 0.5 + i) };
}

verdict.start();
verdict.every(50, (number) => { sessions[number % sessions.length] = openSession(number); });
