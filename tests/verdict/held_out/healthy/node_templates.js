// Templates are compiled when they are needed first, 600 of them in the first half minute; each is used again and again.
// expect: quiet
'use strict';
const verdict = require('../../support/verdict.js');

const compiled = new Map();

class Template {
    constructor(name) {
        this.name = name;
        this.parts = Array.from({ length: 150 }, (_, i) => ({ text: `${name} part ${i}`, at: i }));
    }

    render(number) { return this.parts.map((part) => part.text.length + part.at * number).join(' '); }
}

function templateFor(number) {
    const name = `page ${number % 600}`;
    let template = compiled.get(name);
    if (!template) compiled.set(name, template = new Template(name));
    return template;
}

verdict.start();
verdict.every(40, (number) => templateFor(verdict.now() < 30 ? Math.floor(number / 2) : number * 7).render(number));
