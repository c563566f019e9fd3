// Judges boards by Grafana's own types: `node check.mjs BOARD.json …`.
//
// The JSON becomes a TypeScript literal that must be a Dashboard, each panel with the options and field options of its
// kind, and tsc judges it, strictly: a key that Grafana does not know is an error. So that a check that sees nothing is
// noticed, one defect after the other is planted in each board, and each must be found.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = dirname(fileURLToPath(import.meta.url));
const raw = '@grafana/schema/dist/esm/raw';

// A JSON string is no member of an enum, though it has its value.
const types = `
import type { RowPanel, Dashboard, Panel, FieldConfig, DashboardLink } from '${raw}/dashboard/x/Dashboard_types.gen';
import type * as TimeSeries from '${raw}/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type * as Stat from '${raw}/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Table from '${raw}/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as Text from '${raw}/composable/text/panelcfg/x/TextPanelCfg_types.gen';
import type { DataQuery } from '@grafana/schema';
type Plain<T> = T extends string ? \`\${T}\`
  : T extends (infer U)[] ? Plain<U>[]
  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type Given = 'title' | 'description' | 'datasource' | 'gridPos';
type Target = Plain<Omit<DataQuery, 'datasource'>> & Required<Pick<Plain<Panel>, 'datasource'>>
  & { expr: string; legendFormat: string; instant: boolean; range: boolean; format: 'time_series' | 'table' };
type Fields<C> = { defaults: Omit<Plain<FieldConfig>, 'custom' | 'links'>
  & { custom: Plain<C>; links: Pick<DashboardLink, 'title' | 'url'>[] }; overrides: never[] };
type Drawn<K extends string, O, C> = Omit<Plain<Panel>, 'type' | 'options' | 'fieldConfig' | 'targets' | Given>
  & Required<Pick<Plain<Panel>, Given>>
  & { type: K; options: Plain<O>; fieldConfig: Fields<C>; targets: Target[] };
type Known = Drawn<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>
  | Drawn<'stat', Stat.Options, Record<string, never>>
  | Drawn<'table', Table.Options, Table.FieldConfig>
  | Omit<Plain<Panel>, 'type' | 'options'> & { type: 'text'; options: Plain<Text.Options> }
  | Plain<RowPanel>;
type Board = Omit<Plain<Dashboard>, 'panels'> & { panels: Known[] };
`;

const defects = {
  'a key that no dashboard has': (board) => { board.colour = 'red'; },
  'a key that no variable has': (board) => { board.templating.list[0].wanted = true; },
  'a panel without a place': (board) => { delete panel(board, 'stat').gridPos; },
  'a kind of panel that is not there': (board) => { panel(board, 'stat').type = 'speedometer'; },
  'an option that a stat has not': (board) => { panel(board, 'stat').options.needle = true; },
  'a value that an option has not': (board) => { panel(board, 'timeseries').options.legend.placement = 'left of it'; },
  'a way of drawing that is not there': (board) => { panel(board, 'timeseries').fieldConfig.defaults.custom.width = 3; },
  'a threshold that is no number': (board) => { panel(board, 'stat').fieldConfig.defaults.thresholds.steps[0].value = '1'; },
  'a query without an expression': (board) => { delete panel(board, 'timeseries').targets[0].expr; },
  'no version of the format': (board) => { delete board.schemaVersion; },
};

const panel = (board, type) => board.panels.find((panel) => panel.type === type);

const folder = mkdtempSync(join(here, 'node_modules', '.boards-'));
try {
  const wanted = [];
  for (const file of process.argv.slice(2)) {
    const text = readFileSync(file, 'utf8');
    wanted.push([file, JSON.parse(text), false]);
    for (const [what, plant] of Object.entries(defects)) {
      const board = JSON.parse(text);
      plant(board);
      wanted.push([`${file} with ${what}`, board, true]);
    }
  }
  const files = wanted.map(([, board], at) => {
    const file = join(folder, `board${at}.ts`);
    writeFileSync(file, `${types}\nexport const board: Board = ${JSON.stringify(board, null, 1)};\n`);
    return file;
  });
  const program = ts.createProgram(files, {
    strict: true, noEmit: true, skipLibCheck: false, module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022,
    moduleResolution: ts.ModuleResolutionKind.NodeNext, types: [],
  });
  let bad = 0;
  const general = [...program.getGlobalDiagnostics(), ...program.getOptionsDiagnostics()];
  const say = (found) => ts.flattenDiagnosticMessageText(found.messageText, '\n').split('\n').slice(-4).join('\n');
  for (const found of general) { bad += 1; console.log(say(found)); }
  wanted.forEach(([what, , defective], at) => {
    const source = program.getSourceFile(files[at]);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    // what is amiss with the types themselves is no finding about a board
    const start = source.text.indexOf('export const board');
    const foreign = found.filter((one) => one.start < start);
    const own = found.filter((one) => one.start >= start);
    for (const one of foreign) { bad += 1; console.log(`types: ${say(one)}`); }
    if (defective && own.length === 0) { bad += 1; console.log(`not noticed: ${what}`); }
    if (!defective) for (const one of own) { bad += 1; console.log(`${what}: ${say(one)}`); }
  });
  const planted = wanted.filter(([, , defective]) => defective).length;
  console.log(`${wanted.length - planted} boards are Grafana's, ${planted} defects noticed`);
  if (bad > 0) { console.log(`${bad} findings`); process.exitCode = 1; }
} finally {
  rmSync(folder, { recursive: true });
}
