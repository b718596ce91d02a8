// An HTTP server whose middleware keeps each request for an audit that nobody asks for: with it its headers, socket and answer. 40 a second.
// expect: leak of heap mapping
'use strict';
const http = require('http');
const verdict = require('../../support/verdict.js');

const audited = [];
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

function parseBody(request, response, next) {
    request.body = { items: Array.from({ length: 100 }, (_, i) => ({ id: i, url: request.url })) }; // LEAK HERE: what stays
    next();
}

function audit(request, response, next) {
    audited.push({ at: Date.now(), request }); // LEAK HERE: what keeps it
    next();
}

function answer(request, response) { response.end(`${request.body.items.length} items`); }

const middleware = [parseBody, audit, answer];

function handle(request, response) {
    const call = (at) => middleware[at](request, response, () => call(at + 1));
    call(0);
}

const server = http.createServer(handle).listen(0, '127.0.0.1', () => {
    verdict.start();
    const { port } = server.address();
    verdict.every(40, (number) => http.get({ port, host: '127.0.0.1', agent, path: `/?${number}` }, (response) => response.resume()));
});
