import { render } from "preact";

import { Console } from "./app.js";

render(<Console />, document.getElementById("console") as HTMLElement);
