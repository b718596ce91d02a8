// A Map that keeps the 2,000 entries used last, full after 20 seconds.
// expect: quiet
'use strict';
const verdict = require('../support/verdict.js');

const limit = 2000 * (Number(process.argv[2]) || 60) / 60;
const cache = new Map();

function render(article) {
    return JSON.parse(JSON.stringify({ article, items: new Array(60).fill(0).map((_, i) => ({ id: i, price: article * i })) }));
}

function findOrRender(article) {
    const page = cache.get(article) || render(article);
    cache.delete(article);
    cache.set(article, page);
    if (cache.size > limit) cache.delete(cache.keys().next().value);
    return page;
}

verdict.start();
verdict.every(200, (number) => {
    const newest = Math.floor(number / 2);
    findOrRender(number % 2 === 0 ? newest : newest - Math.floor(Math.random() * (newest / 4)));
});
