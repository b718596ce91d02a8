// descriptors_puppet: a Node program that opens descriptors and keeps some of them: `leak SITE COUNT`, `cycle SITE COUNT` (opened and
// closed again), `mark`, `ledger`, which answers as JSON, and `quit`.
"use strict";
const fs = require("fs");
const net = require("net");
const dgram = require("dgram");

const server = net.createServer();
const accepted = [];
const waiting = [];

server.on("connection", (connection) => {
    connection.on("error", () => {});
    const next = waiting.shift();
    if (next) next(connection);
    else accepted.push(connection);
});

function nextAccepted() {
    return accepted.length > 0 ? Promise.resolve(accepted.shift()) : new Promise((resolve) => waiting.push(resolve));
}

function closed(stream) {
    return new Promise((resolve) => {
        stream.on("close", resolve);
        stream.destroy();
    });
}

// Each gives back functions that close, one for each descriptor.
const sites = {
    async openFile() {
        const descriptor = fs.openSync("/dev/null", "r");
        return [() => fs.closeSync(descriptor)];
    },
    async openFileLater() {
        const file = await fs.promises.open("/dev/null", "r");
        handles.push(file);  // or the collector closes it
        return [() => file.close()];
    },
    async connect() {
        const client = net.connect(server.address().port, "127.0.0.1");
        client.on("error", () => {});
        await new Promise((resolve) => client.on("connect", resolve));
        const connection = await nextAccepted();
        return [() => closed(client), () => closed(connection)];
    },
    async bindUdp() {
        const bound = dgram.createSocket("udp4");
        await new Promise((resolve) => bound.bind(0, "127.0.0.1", resolve));
        return [() => new Promise((resolve) => bound.close(resolve))];
    },
};
const kinds = {openFile: "fd", openFileLater: "fd", connect: "socket", bindUdp: "socket"};

const handles = [];
const kept = [];
const ledger = {};
let marked = false;
for (const name of Object.keys(sites)) {
    ledger[name] = {function: name, kind: kinds[name], opened_before: 0, closed_before: 0, opened: 0, closed: 0};
}

async function run(leak, name, count) {
    const when = marked ? "" : "_before";
    for (let i = 0; i < count; i++) {
        const closers = await sites[name]();
        ledger[name]["opened" + when] += closers.length;
        if (leak) {
            kept.push(...closers);
            continue;
        }
        for (const close of closers) await close();
        ledger[name]["closed" + when] += closers.length;
    }
}

async function answer(line) {
    const words = line.split(" ");
    if ((words[0] === "leak" || words[0] === "cycle") && words.length === 3 && words[1] in sites) {
        await run(words[0] === "leak", words[1], Number(words[2]));
        return "DONE";
    }
    if (line === "mark") marked = true;
    else if (line === "ledger") return "DONE " + JSON.stringify({sites: Object.values(ledger)});
    else if (line === "quit") process.exit(0);
    else return "FAIL unknown command";
    return "DONE";
}

let last = Promise.resolve();
const input = require("readline").createInterface({input: process.stdin});
input.on("line", (line) => {
    last = last.then(() => answer(line)).then((text) => console.log(text));
});
input.on("close", () => process.exit(0));
server.listen(0, "127.0.0.1", () => console.log("DONE ready"));
