// Each new state remembers the one before it through a closure: a chain that is never let go. About 400 KiB a second.
// expect: leak of heap mapping
'use strict';
const verdict = require('../../support/verdict.js');

let state = null;

function nextState(number) {
    const previous = state;
    const text = new Array(2000).fill(number); // LEAK HERE
    return { undo: () => previous, size: () => text.length };
}

function handleAction(number) { state = nextState(number); }

verdict.start();
verdict.every(25, handleAction);
