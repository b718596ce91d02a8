// Copies a file through gzip and back, twice a second: streams, buffers and descriptors that come and go.
// expect: quiet
'use strict';
const fs = require('fs');
const zlib = require('zlib');
const { pipeline, Writable } = require('stream');
const verdict = require('../../support/verdict.js');

function discard() {
    return new Writable({ write(chunk, encoding, done) { done(); } });
}

function copy() {
    pipeline(fs.createReadStream(__filename), zlib.createGzip(), zlib.createGunzip(), discard(), () => {});
}

verdict.start();
verdict.every(2, copy);
