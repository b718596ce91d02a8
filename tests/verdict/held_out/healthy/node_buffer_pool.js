// Bodies are read into buffers of a pool, which grows to 400 within half a minute; answers are made in buffers that live for one request.
// expect: quiet
'use strict';
const verdict = require('../../support/verdict.js');

const free = [];
let made = 0;

function takeBuffer() {
    const most = Math.min(400, 40 + verdict.now() * 12);
    if (made >= most && free.length > 0) return free.shift();
    made++;
    return Buffer.allocUnsafeSlow(16384);
}

function handleRequest(number) {
    const body = takeBuffer();
    body.fill(number & 255);
    const answer = Buffer.alloc(24000, body[0]);
    free.push(body);
    return answer.length;
}

verdict.start();
verdict.every(60, handleRequest);
