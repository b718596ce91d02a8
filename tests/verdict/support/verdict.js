// What the Node programs of the verdict matrix share, see verdict.h.
'use strict';
const { fork } = require('child_process');

const stretch = (Number(process.argv[2]) || 60) / 60;
let begin = Date.now();

function endWithInput() {
    process.stdin.on('end', () => process.exit(0));
    process.stdin.resume();
}

exports.start = () => {
    endWithInput();
    begin = Date.now();
    console.log('READY');
};

// Since the start in seconds, as if the program were watched for a minute.
exports.now = () => (Date.now() - begin) / 1000 / stretch;

// Calls work(number) so many times a second, for ever.
exports.every = (perSecond, work) => {
    let number = 0;
    let due = Date.now();
    const turn = () => {
        for (; due <= Date.now(); due += 1000 / perSecond) work(number++);
        setTimeout(turn, Math.max(1, due - Date.now()));
    };
    turn();
};

// serve(listening) in a process of its own, which is not watched; listening(port) is to be called by it. Calls ready(port).
exports.peer = (file, serve, ready) => {
    if (process.env.VERDICT_PEER) {
        process.on('disconnect', () => process.exit(0));
        serve((port) => process.send(port));
        return;
    }
    const child = fork(file, { env: { ...process.env, VERDICT_PEER: '1' }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    child.once('message', ready);
};
