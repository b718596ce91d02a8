// Each order is an object of a class that extends another one; orders are kept by customer, and only paid ones are taken out: two of three.
// expect: leak of heap mapping
'use strict';
const verdict = require('../../support/verdict.js');

const openOrders = new Map();

class Document {
    constructor(number) {
        this.number = number;
        this.created = new Date();
        this.changes = new Array(120).fill(null).map((_, i) => ({ field: i, by: `user ${number % 50}` }));
    }
}

class Order extends Document {
    constructor(number) {
        super(number);
        this.items = new Array(80).fill(number * 0.5);
    }
}

function placeOrder(number) {
    const order = new Order(number); // LEAK HERE: what stays
    openOrders.set(number, order); // LEAK HERE: what keeps it
}

function pay(number) { openOrders.delete(number); }

verdict.start();
verdict.every(90, (number) => {
    placeOrder(number);
    if (number % 3 !== 0) pay(number);
});
