export { plot, dot, ruleX, ruleY, link, line, text, barX, tickX, axisX, axisY, gridX, gridY, frame, vector } from "@observablehq/plot";
