/** The one style of all pages. Its hash is in their Content-Security-Policy, which allows no other style and no script. */
export const pageStyle = `:root{color-scheme:light dark;--paper:#fbfaf7;--ink:#1d2230;--quiet:#5c6475;--line:#dedbd2;--card:#fff;--accent:#0b6e4f;--on-accent:#fff}
@media (prefers-color-scheme:dark){:root{--paper:#14171d;--ink:#e9e7e1;--quiet:#a1a8b6;--line:#2e343f;--card:#1b1f27;--accent:#5fd3a6;--on-accent:#0d1f18}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;min-height:100svh;display:flex;flex-direction:column;background:var(--paper);color:var(--ink);font:1rem/1.6 ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;-webkit-text-size-adjust:100%}
header,main,footer{width:100%;max-width:46rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:1.5rem}
main{flex:1;padding-top:clamp(1.75rem,7vh,5rem);padding-bottom:3rem}
footer{padding-top:1rem;padding-bottom:1.5rem;color:var(--quiet);font-size:.9rem}
.mark{display:inline-flex;align-items:center;gap:.6rem;font-weight:650;letter-spacing:-.01em;color:inherit;text-decoration:none}
.mark svg{width:1.75rem;height:1.75rem;flex:none}
h1{margin:0 0 .75rem;font-size:clamp(1.9rem,6vw,2.9rem);line-height:1.12;letter-spacing:-.025em;text-wrap:balance}
p{margin:0 0 1rem;max-width:38rem}
.lead{font-size:1.15rem;color:var(--quiet);text-wrap:balance}
.card{margin:1.75rem 0;padding:1.25rem;background:var(--card);border:1px solid var(--line);border-radius:.9rem}
.host{margin:0;font-size:1.35rem;font-weight:650;letter-spacing:-.01em;overflow-wrap:anywhere}
.url{margin:.35rem 0 0;max-width:none;max-height:14rem;overflow:auto;color:var(--quiet);font:.92rem/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1.25rem;margin:1.1rem 0 0;padding-top:1.1rem;border-top:1px solid var(--line);font-size:.95rem}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
a{color:var(--accent);text-underline-offset:.18em}
.button{display:inline-block;padding:.7rem 1.4rem;border-radius:.6rem;background:var(--accent);color:var(--on-accent);font-weight:600;text-decoration:none}
.button:hover{filter:brightness(1.08)}
a:focus-visible,.url:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:.3rem}
@media (max-width:32rem){.button{display:block;text-align:center}}`;

export const pageMark =
  '<svg viewBox="0 0 32 32" fill="none" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#0b6e4f"/><path d="M6 22c2.5-11 8-11 10 0 2-7 7.5-7 10 0" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/></svg>';
