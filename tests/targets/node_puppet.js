// node_puppet: takes descriptors and memory from known lines, and notes the lines that ran at that moment.
//
// `run SITE COUNT`, `heat SITE`, after which V8 has optimized it, `mark` (what follows is noted), `ledger`, which answers as JSON, and `quit`. What a site takes stands in one line with
// chain(), which notes the functions of this file and of those that it made.
'use strict';
const fs = require('fs');
const vm = require('vm');

const kHeapBytes = 100033;
const kept = [];
const taken = [];  // kind and chain, if marked
let marked = false;

Error.stackTraceLimit = 200;

function isOwn(file) {
    return file === __filename || file === 'generated.js';
}

function chain(kind) {
    if (!marked) return;
    const prepare = Error.prepareStackTrace;
    Error.prepareStackTrace = (_, sites) => sites;
    const sites = new Error().stack.slice(1);
    Error.prepareStackTrace = prepare;
    const own = sites.filter((site) => isOwn(site.getFileName()) && !site.isAsync());  // those are not on the stack
    taken.push([kind, own.map((site) => [site.getFileName(), site.getLineNumber(), site.isConstructor()])]);
}

function plain() {
    chain('fd'), kept.push(fs.openSync('/dev/null', 'r'));
}

function keepDescriptor() {
    chain('fd'), kept.push(fs.openSync('/dev/null', 'r'));
}

function called() {
    keepDescriptor();
}

function linesOfOneCall() {
    [1].forEach(
        (one) =>
            keepDescriptor(one));
}

function recursion(depth = 7) {
    if (depth) return recursion(depth - 1);
    chain('fd'), kept.push(fs.openSync('/dev/null', 'r'));
    return null;
}

function deep() {
    recursion(20);
}

function* generate(count) {
    for (let i = 0; i < count; i++) {
        chain('fd'), kept.push(fs.openSync('/dev/null', 'r'));
        yield i;
    }
}

function generator() {
    for (const _ of generate(2)) void _;
}

function delegated() {
    function* outer() {
        yield* generate(1);
    }
    [...outer()].length;
}

class Holder {
    #descriptor = null;

    constructor() {
        chain('fd'), kept.push(fs.openSync('/dev/null', 'r'));
    }

    get opened() {
        chain('fd'), kept.push(fs.openSync('/dev/null', 'r'));
        return this.#descriptor;
    }

    static make() {
        return new Holder();
    }
}

class Derived extends Holder {
    constructor() {
        super();
        keepDescriptor();
    }
}

function constructed() {
    Holder.make();
    new Derived();
}

function property() {
    const holder = new Holder();
    return holder.opened;
}

function mapped() {
    return [1, 2].map((value) => {
        keepDescriptor();
        return value;
    });
}

function sorted() {
    [2, 1].sort((a, b) => {
        keepDescriptor();
        return a - b;
    });
}

function byApply() {
    Reflect.apply(keepDescriptor, null, []);
    keepDescriptor.call(null);
    keepDescriptor.bind(null)();
}

function replaced() {
    'ab'.replace(/b/, () => {
        keepDescriptor();
        return 'c';
    });
}

function handled() {
    try {
        throw new Error('one');
    } catch {
        keepDescriptor();
    } finally {
        keepDescriptor();
    }
}

const made = new vm.Script('(function first(keepDescriptor) {\n  keepDescriptor();\n\n  keepDescriptor();\n})', {filename: 'generated.js'});
const madeFunction = made.runInThisContext();

function generated() {
    madeFunction(keepDescriptor);
}

function hotLoop() {
    let sum = 0;
    for (let i = 0; i < 20000; i++) sum += i % 7;
    keepDescriptor();
    return sum;
}

function small() {
    keepDescriptor();
}

function inlined() {
    small();
    if (kept.length < 0) small();
}

function memory() {
    chain('heap'), kept.push(Buffer.alloc(kHeapBytes));
}

const sites = {plain, called, linesOfOneCall, recursion, deep, generator, delegated, constructed, property, mapped, sorted, byApply,
               replaced, handled, generated, hotLoop, inlined, memory};

async function awaited() {
    await null;
    keepDescriptor();
    await new Promise((resolve) => setImmediate(resolve));
    keepDescriptor();
}

function soon() {
    return new Promise((resolve) => setTimeout(() => {
        keepDescriptor();
        resolve();
    }, 1));
}

const asyncSites = {awaited, soon};

async function answer(words) {
    if (words.length === 1 && words[0] === 'mark') {
        marked = true;
        return '';
    }
    if (words.length === 3 && words[0] === 'run' && words[1] in sites) {
        for (let i = 0; i < Number(words[2]); i++) sites[words[1]]();
        return '';
    }
    if (words.length === 3 && words[0] === 'run' && words[1] in asyncSites) {
        for (let i = 0; i < Number(words[2]); i++) await asyncSites[words[1]]();
        return '';
    }
    if (words.length === 2 && words[0] === 'heat' && words[1] in asyncSites) return '';
    if (words.length === 2 && words[0] === 'heat' && words[1] in sites) {
        for (let i = 0; i < 8000; i++) {
            sites[words[1]]();
            for (const one of kept.splice(0)) if (typeof one === 'number') fs.closeSync(one);
        }
        return '';
    }
    if (words.length === 1 && words[0] === 'ledger')
        return JSON.stringify({sites: [...Object.keys(sites), ...Object.keys(asyncSites)], taken});
    return null;
}

const lines = require('readline').createInterface({input: process.stdin});
let last = Promise.resolve();
lines.on('line', (line) => {
    last = last.then(async () => {
        if (line === 'quit') process.exit(0);
        const text = await answer(line.split(' '));
        fs.writeSync(1, text === null ? 'ERROR\n' : `DONE ${text}\n`);
    });
});
lines.on('close', () => process.exit(0));
fs.writeSync(1, 'DONE\n');
