// Chunks of uploads are kept until the last one has come, which for one upload in four never does. Beside them buffers come and go.
// expect: leak of heap mapping
'use strict';
const verdict = require('../../support/verdict.js');

const uploads = new Map();

function readChunk(number) {
    const header = new Uint8Array(4096);
    header[0] = number;
    const chunk = new Uint8Array(12000 + header.length); // LEAK HERE
    return chunk.fill(number & 255);
}

function receive(number) {
    const upload = Math.floor(number / 4);
    if (!uploads.has(upload)) uploads.set(upload, []);
    uploads.get(upload).push(readChunk(number));
    if (number % 4 === 3 && upload % 4 !== 0) uploads.delete(upload);
}

verdict.start();
verdict.every(60, receive);
