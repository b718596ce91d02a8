// A server and its client: parsing, strings, buffers, nothing kept. 40 requests a second.
// expect: quiet
'use strict';
const http = require('http');
const verdict = require('../support/verdict.js');

const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

function answer(request, response) {
    const items = Array.from({ length: 400 }, (_, i) => ({ id: i, name: `item ${i}` }));
    response.end(JSON.stringify(items));
}

function fetchItems(port) {
    http.get({ port, host: '127.0.0.1', agent }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => JSON.parse(Buffer.concat(parts).toString()));
    });
}

const server = http.createServer(answer).listen(0, '127.0.0.1', () => {
    verdict.start();
    verdict.every(40, () => fetchItems(server.address().port));
});
