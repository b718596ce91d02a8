// Each session starts an interval that is never cleared and that keeps the session: about 300 KiB a second.
// expect: leak of heap mapping
'use strict';
const verdict = require('../support/verdict.js');

class Session {
    constructor(number) {
        this.number = number;
        this.history = Array.from({ length: 300 }, (_, i) => number * 0.5 + i);
    }
}

function openSession(number) {
    const session = new Session(number); // LEAK HERE: what stays
    setInterval(() => { session.history[0] += 1; }, 10000); // LEAK HERE: what keeps it
    return session;
}

verdict.start();
verdict.every(100, openSession);
