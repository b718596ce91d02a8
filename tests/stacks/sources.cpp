#include "stacks/sources.h"

namespace whoholds::stacks {

const char* const kPythonSource = R"~(
import json, re, threading, zlib, hashlib, decimal, xml.etree.ElementTree as tree

def nested(depth):
    return {str(i): nested(depth - 1) for i in range(3)} if depth else [1.5, None, "text" * 20]

def work():
    data = nested(5)
    text = json.dumps(data)
    json.loads(text)
    re.sub(r"(\d+)(?=\D)", lambda m: m.group(1) * 2, text[:20000])
    code = compile("def f(a, b):\n    return [x * y for x in a for y in b if x != y]\n" * 50, "made", "exec")
    exec(code, {})
    zlib.decompress(zlib.compress(text.encode()))
    hashlib.sha256(text.encode()).hexdigest()
    decimal.Decimal(7).sqrt(decimal.Context(prec=200))
    tree.fromstring("<a>" + "<b c='d'>e</b>" * 500 + "</a>")
    sorted((str(i) * 40 for i in range(2000)), key=lambda s: s[::-1])
    try:
        raise ValueError("x" * 1000)
    except ValueError:
        pass

print("ready", flush=True)
while True:
    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads: t.start()
    work()
    for t in threads: t.join()
)~";

const char* const kNodeSource = R"~(
const zlib = require('zlib'), crypto = require('crypto'), fs = require('fs');
function nested(depth) { return depth ? [1, 2, 3].map(i => ({ i, inner: nested(depth - 1) })) : 'text'.repeat(20); }
function hot(n) { let a = []; for (let i = 0; i < n; i++) a.push({ x: i, s: 'k' + i }); return a.filter(o => o.x % 3); }
function work() {
    const text = JSON.stringify(nested(7));
    JSON.parse(text);
    zlib.gunzipSync(zlib.gzipSync(text.slice(0, 200000)));
    crypto.createHash('sha256').update(text).digest('hex');
    crypto.pbkdf2Sync('p', 's', 50, 32, 'sha512');
    for (let i = 0; i < 50; i++) hot(1000);
    text.replace(/(\d)(\w)/g, (m, a, b) => b + a);
    fs.readFileSync(process.execPath.length ? '/proc/self/maps' : '');
    new Intl.DateTimeFormat('en').format(new Date());
    Buffer.alloc(100000).fill('abc').toString('base64');
    zlib.deflate(text.slice(0, 100000), () => {});
    crypto.randomBytes(64, () => {});
    eval('(function(a){ return a.map(x => x * ' + Math.random() + '); })')([1, 2, 3]);
    setImmediate(work);
}
console.log('ready');
work();
)~";

const char* const kSqlSource = R"~(
create table item(id integer primary key, name text, body text, extra text);
create table log(id integer primary key, item integer, what text);
create trigger item_added after insert on item begin
  insert into log(item, what) values (new.id, json_object('name', new.name, 'length', length(new.body)));
end;
create trigger item_changed after update on item when new.name <> old.name begin
  insert into log(item, what) values (new.id, json_set('{"a":{"b":[1,2,3]}}', '$.a.c', new.name));
end;
create virtual table words using fts5(name, body);
create index item_name on item(name, length(body));
with recursive n(i) as (select 1 union all select i + 1 from n where i < 1500)
  insert into item(name, body, extra)
  select printf('name %d %d', i % 97, i), replace(hex(randomblob(40)), 'A', ' word '), json_array(i, i * 2, 'x') from n;
insert into words select name, body from item;
select count(*) from words where words match 'word AND name';
select name, snippet(words, 1, '<', '>', '...', 8), bm25(words) from words where words match 'wor*' order by 3 limit 20;
update item set name = upper(name) || ' changed' where id % 3 = 0;
select json_group_array(json_extract(what, '$.name')) from log;
select a.name, count(*), group_concat(b.name), sum(length(b.body)) over w from item a join item b on a.id = b.id + 1
  where b.extra like '%2%' group by a.id % 50 window w as (order by a.id) order by 2 desc limit 10;
delete from words where rowid % 2;
insert into words(words) values ('optimize');
with recursive q(x, y) as (values(0, 'q') union all select x + 1, y || substr('abcdef', x % 6, 1) from q where x < 500)
  select count(distinct y), max(length(y)) from q;
vacuum;
)~";

const char* const kTemplatesSource = R"~(
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>
template <int N> struct Chain { std::tuple<std::vector<std::array<int, N + 1>>, std::map<int, std::string>> value;
  template <class F> auto apply(F f) { Chain<N - 1> next; return next.apply([&, f](auto x) { return f(x) + N + std::get<0>(value).size(); }); } };
template <> struct Chain<0> { template <class F> auto apply(F f) { return f(1); } };
template <class K, class V> std::string show(const std::map<K, V>& table) {
  std::ostringstream out; for (auto& [key, value] : table) out << key << value.size(); return out.str();
}
int main(int argc, char** argv) {
  Chain<1> chain;
  std::regex e("(a|b)*c[0-9]+"); std::smatch m; std::string s = argv[0];
  std::unordered_map<std::string, std::function<int(int)>> table;
  for (int i = 0; i < argc; i++) table[argv[i]] = [i](int x) { return x + i; };
  std::map<std::string, std::vector<double>> numbers; std::map<int, std::string> texts;
  std::vector<std::pair<std::string, std::unique_ptr<int>>> all; all.emplace_back(show(numbers), nullptr); all.emplace_back(show(texts), nullptr);
  std::sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.first < b.first; });
  std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.first.size() < b.first.size(); });
  return std::regex_match(s, m, e) + chain.apply([](auto x) { return x; }) + table.size();
}
)~";

const char* const kRustSource = R"~(
use std::collections::{BTreeMap, HashMap};
use std::thread;
fn nested(depth: u32) -> Vec<Box<dyn Fn(u64) -> String + Send>> {
    let mut all: Vec<Box<dyn Fn(u64) -> String + Send>> = Vec::new();
    for i in 0..depth { let text = format!("{}-{}", i, depth); all.push(Box::new(move |n| format!("{}:{}", text, n))); }
    all
}
fn tree(depth: u32) -> Option<Box<(u32, Option<Box<Vec<String>>>)>> {
    if depth == 0 { return None; }
    let inner = tree(depth - 1);
    Some(Box::new((depth + inner.map_or(0, |b| b.0), Some(Box::new(vec![depth.to_string(); 3])))))
}
fn work(seed: u64) -> usize {
    let mut map: HashMap<String, Vec<u64>> = HashMap::new();
    for i in 0..500u64 { map.entry(format!("key {}", (i * seed) % 91)).or_default().push(i); }
    let mut sorted: BTreeMap<String, usize> = BTreeMap::new();
    for (k, v) in &map { sorted.insert(k.to_uppercase() + &v.len().to_string(), v.iter().map(|x| x.to_string()).collect::<Vec<_>>().join(",").len()); }
    let caught = std::panic::catch_unwind(|| { let v: Vec<u32> = Vec::new(); if seed % 7 == 0 { std::panic::resume_unwind(Box::new(v.len())); } 1usize });
    let mut words: Vec<String> = "the quick brown fox".split(' ').flat_map(|w| (0..20).map(move |i| format!("{}{}", w, i))).collect();
    words.sort_by_key(|w| w.chars().rev().collect::<String>());
    nested(20).iter().map(|f| f(seed).len()).sum::<usize>() + sorted.len() + words.len() + caught.unwrap_or(0) + tree(30).map_or(0, |t| t.0 as usize)
}
fn main() {
    println!("ready");
    let mut total = 0usize;
    for round in 0u64.. {
        let all: Vec<_> = (0..3).map(|i| thread::spawn(move || work(round + i))).collect();
        total = total.wrapping_add(work(round));
        for one in all { total = total.wrapping_add(one.join().unwrap()); }
        if total == 1 { break; }
    }
}
)~";

const char* const kLuaSource =
    "local t = {} for i = 1, 100 do t[i] = string.rep('x', i) .. tostring(i) end "
    "redis.call('set', 'lua', table.concat(t, ',')) redis.call('rpush', 'list', cjson.encode({a = t})) "
    "redis.call('ltrim', 'list', 0, 50) return cmsgpack.pack(t)";

}  // namespace whoholds::stacks
