// Files are opened to look at their first bytes; those that are empty are not closed. Two a second.
// expect: leak of fd
'use strict';
const fs = require('fs');
const verdict = require('../../support/verdict.js');

function firstBytes(path) {
    const bytes = Buffer.alloc(16);
    const file = fs.openSync(path, 'r'); // LEAK HERE
    if (fs.readSync(file, bytes, 0, 16, 0) === 0) return null;
    fs.closeSync(file);
    return bytes;
}

verdict.start();
verdict.every(10, (number) => firstBytes(number % 5 === 0 ? '/dev/null' : __filename));
