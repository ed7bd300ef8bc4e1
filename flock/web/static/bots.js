// The table of the flock: what has changed appears in it.

import { freshener } from "./fresh.js";
import { connect } from "./live.js";

const soon = freshener(3000);
connect({ line: soon, dot: soon, gone: soon, fresh: soon, flock: soon }, { dots: true });
