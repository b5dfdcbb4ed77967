// The page's style. Light and dark follow the reader's system; narrow screens get one column.
#pragma once

namespace outbox {

inline constexpr const char *page_style = R"(
:root{color-scheme:light dark;--back:#f6f7f9;--card:#fff;--text:#1c2026;--soft:#5d6673;--line:#dfe3e8;--good:#1a7f4b;--wait:#9a6400;--bad:#b3261e;--ink:#2a6fdb}
@media(prefers-color-scheme:dark){:root{--back:#14171b;--card:#1d2126;--text:#e6e9ed;--soft:#9aa4b1;--line:#333a42;--good:#4cc38a;--wait:#e0a83e;--bad:#ff7b72;--ink:#79aefc}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--text);font:15px/1.45 system-ui,sans-serif}
main{max-width:1000px;margin:0 auto;padding:20px 16px 40px}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 14px;margin-bottom:12px}
h1{font-size:20px;margin:0}
h2{font-size:13px;margin:0 0 8px;color:var(--soft);font-weight:600}
.word{font-weight:700}.good{color:var(--good)}.wait{color:var(--wait)}.bad{color:var(--bad)}
.about{color:var(--soft);overflow-wrap:anywhere}
.advice{background:var(--card);border:1px solid var(--line);border-left:4px solid var(--wait);border-radius:6px;padding:10px 14px;margin:0 0 14px;overflow-wrap:anywhere}
.advice.bad{border-left-color:var(--bad);color:inherit}.advice.good{border-left-color:var(--good);color:inherit}
.advice p{margin:0 0 4px}.advice p:last-child{margin:0}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(170px,1fr));gap:10px;margin:0 0 14px}
.figure,.chart,.list{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:10px 14px}
.figure dt{color:var(--soft);font-size:13px}.figure dd{margin:0;font-size:19px;font-variant-numeric:tabular-nums}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(270px,1fr));gap:10px;margin:0 0 14px}
.chart svg{display:block;width:100%;height:90px}
.chart .area{fill:var(--ink);opacity:.15}.chart .curve{fill:none;stroke:var(--ink);stroke-width:1.5;vector-effect:non-scaling-stroke}
.chart .floor{stroke:var(--line);vector-effect:non-scaling-stroke}
.chart .ends{display:flex;justify-content:space-between;color:var(--soft);font-size:12px;margin-top:4px}
.list{margin:0 0 14px}.list ul{margin:0;padding:0;list-style:none}.list li{padding:6px 0;border-top:1px solid var(--line);overflow-wrap:anywhere}
.list li:first-child{border-top:0}.when{color:var(--soft);font-variant-numeric:tabular-nums;margin-right:8px}
footer{color:var(--soft);font-size:13px}a{color:var(--ink)}
@media(max-width:480px){.figures{grid-template-columns:1fr 1fr}.figure dd{font-size:17px}}
)";

} // namespace outbox
