"""The web page of a flock: what its bots do and say, live, from the journal and the key files; read-only but for
`flock tell`. It runs in a process of its own. An extra: it needs jinja2.

What pages and scripts read (all texts are `texts.shown`: no control characters, no bidirectional overrides):

GET /flock.json: {"run", "after", "time", "flock", "bots", "lines"}. `run` names this process of the page; it is
another one after a restart. `after` is the id of the latest line: open `/events?after=` + it, and nothing is
missed. `flock` is a summary, `bots` a list of bots, `lines` the latest 50 lines, oldest first.

A bot:
    name            what people call it, unique in the flock; `path` is its page: /bots/NAME
    network         "X", "Bluesky", ...; `practises`: whether it posts to the practice server
    state           "awake", "asleep", "waiting", "backing off", "penned", "paused", "quiet", "not running", "new":
                    the values of flock.overview.State
    why, advice     what is the matter, and what the operator can do; empty where nothing is
    until           when it is tried again, or null
    since           since when it is paused, or null
    age             in recitations, such as 12.25; `posts` counts the posts of its life
    temperament     "steadfast", "senile", ..., or its numbers
    entropy         0 to 1: how old it is by its temperament; `memory`, 0 to 1: the share of words that are left
    mood            that of the line that comes next: "faithful", "forgets", "mixes up lines", "is bored", ...
    title, author   of the poem, or null; `lang`, such as "en", or ""; `dir`: "ltr", "rtl" or "auto"
    line, lines     which line comes next, from 1, of how many (null: unknown)
    next, next_at   what it says next, and when (null: open)
    last            its latest line: {"text", "at", "outcome", "link"}, or null
    today           posts since midnight; `dollars`: their price
    told            commands that it has not obeyed yet: ["pause", ...]

A line: {"bot", "network", "path", "text", "at", "outcome": "said" | "skipped" | "unknown", "why", "link", "n",
"lang", "dir", "id", "tint": the number of the colour in which the bot speaks: class t0 to t11 of sheep.css}.

The summary: {"has_run", "running", "processes", "bots", "states": {state: how many}, "hour", "today",
"dollars_today", "trouble": what keeps the page from the journal, or ""}.

Times are in ISO 8601 (UTC), `null` where they are open.

GET /field.json: {"run", "after", "lines", "states", "bots"}, for pages that draw bots and say nothing of them:
`states` are words, and each of `bots` is [name, its colour as in a line, the number of its state in `states`].

GET /events: server-sent events. The data of each is JSON.
    hello   {"run", "flock"}: the first of each connection. With another `run` than before, read /flock.json anew.
    line    a line, as above; only these have an id. After a break the browser sends the last one (Last-Event-ID),
            and gets all that came since, each once.
    bot     a bot, as above, each time that something about it has changed
    dot     {"name", "state"}, in place of `bot` at /events?bots=dots: when the state of a bot has changed
    gone    {"name"}: the bot has left the flock
    flock   the summary, when it has changed, once in two seconds at most
    beat    {}: each 15 s; where none comes for 40 s, the connection is lost
    reset   {}: too much has happened since; read /flock.json anew, and go on with what comes

A page need not do that by itself: `static/live.js` exports `connect(handlers, {dots})`.

GET /feed.atom, /feed.json, /bots/NAME.atom, /bots/NAME.json: what was said last, for readers of feeds.

Templates are in templates/ (Jinja2; `base.html` has the blocks title, head, main, scripts), scripts and styles in
static/, which all are served as /static/NAME. The Content-Security-Policy allows those alone: no inline script, no
inline style (`element.style` from a script is fine, `style="..."` is not), nothing from other servers.
"""
