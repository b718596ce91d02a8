// A connection for each message, which is not ended when the answer has come. Three a second.
// expect: leak of socket
'use strict';
const net = require('net');
const verdict = require('../support/verdict.js');

function serve(listening) {
    const server = net.createServer((socket) => { socket.on('error', () => {}).pipe(socket); });
    server.listen(0, '127.0.0.1', () => listening(server.address().port));
}

function sendMessage(port, number) {
    const socket = net.connect(port, '127.0.0.1'); // LEAK HERE
    socket.write(`message ${number}\n`);
    socket.once('data', (answer) => { socket.answered = answer.length; });
}

verdict.peer(__filename, serve, (port) => {
    verdict.start();
    verdict.every(3, (number) => sendMessage(port, number));
});
