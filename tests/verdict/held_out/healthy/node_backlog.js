// Jobs come in waves of fifteen seconds, faster than they are done; in the second half of each wave the queue is worked off.
// expect: quiet
'use strict';
const verdict = require('../../support/verdict.js');

const queue = [];

function makeJob(number) {
    return { number, steps: Array.from({ length: 120 }, (_, i) => number + i / 7) };
}

function turn(number) {
    const inWave = verdict.now() % 15 / 15;
    if (inWave < 0.5) queue.push(makeJob(number));
    for (let done = 0; done < (inWave < 0.5 ? number % 2 : 3) && queue.length > 0; done++) queue.shift();
}

verdict.start();
verdict.every(150, turn);
