// Each request registers a listener on an emitter that lives for ever; its closure keeps the request. About 400 KiB a second.
// expect: leak of heap mapping
'use strict';
const { EventEmitter } = require('events');
const verdict = require('../support/verdict.js');

const configuration = new EventEmitter();
configuration.setMaxListeners(0);

function parseRequest(number) {
    return JSON.parse(JSON.stringify({ number, headers: Array.from({ length: 40 }, (_, i) => `X-Header-${i}: ${number}`) }));
}

function handleRequest(number) {
    const request = parseRequest(number);
    configuration.on('reload', () => { request.stale = true; }); // LEAK HERE
}

verdict.start();
verdict.every(150, handleRequest);
