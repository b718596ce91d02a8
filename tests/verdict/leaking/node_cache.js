// A Map as a cache: four of five lookups find something, nothing is ever dropped. About 200 KiB a second.
// expect: leak of heap mapping
'use strict';
const verdict = require('../support/verdict.js');

const cache = new Map();

function render(article) {
    return JSON.parse(JSON.stringify({ article, items: new Array(120).fill(0).map((_, i) => ({ id: i, price: article * i })) })); // LEAK HERE
}

function findOrRender(article) {
    let page = cache.get(article);
    if (!page) cache.set(article, page = render(article));
    return page;
}

verdict.start();
verdict.every(150, (number) => {
    const newest = Math.floor(number / 5);
    findOrRender(number % 5 === 0 ? newest : Math.floor(Math.random() * (newest + 1)));
});
