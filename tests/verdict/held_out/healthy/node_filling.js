// A Map of at most 4,800 pages, full after 40 seconds; from then on each new one takes the place of the oldest. 120 a second.
// expect: quiet
'use strict';
const verdict = require('../../support/verdict.js');

const limit = 4800 * (Number(process.argv[2]) || 60) / 60;
const pages = new Map();

function renderPage(number) {
    return { number, rows: Array.from({ length: 60 }, (_, i) => ({ id: i, text: `row ${i} of ${number}` })) };
}

function keepPage(number) {
    pages.set(number, renderPage(number));
    if (pages.size > limit) pages.delete(pages.keys().next().value);
}

verdict.start();
verdict.every(120, keepPage);
