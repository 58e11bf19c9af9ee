import { readdirSync } from 'node:fs';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

// src/ARCHITECTURE.md says why: what the folders of src may import of each other.
const mayImport = {
  cli: [
    'bench',
    'control',
    'daemon',
    'device',
    'doctor',
    'frontends',
    'library',
    'native',
    'pr',
    'prd',
    'scsi',
    'telemetry',
    'transports',
    'unit',
    'util',
  ],
  library: ['fan-out', 'native', 'pr', 'prd', 'telemetry', 'transports', 'unit'],
  prd: [
    'control',
    'device',
    'fan-out',
    'fd-lines',
    'multipath',
    'native',
    'pr',
    'scsi',
    'telemetry',
    'unit',
    'util',
  ],
  daemon: [
    'control',
    'device',
    'emulated',
    'fan-out',
    'native',
    'pr',
    'prd',
    'scsi',
    'takeover',
    'telemetry',
    'transports',
    'unit',
    'util',
  ],
  takeover: ['control', 'fd-lines', 'native', 'util'],
  unit: ['device', 'fan-out', 'multipath', 'native', 'pr', 'transports', 'util'],
  bench: ['util'],
  control: ['pr', 'util'],
  device: ['util'],
  doctor: ['device', 'multipath', 'native', 'transports', 'util'],
  'fan-out': ['pr', 'util'],
  emulated: ['pr', 'util'],
  'fd-lines': ['native'],
  frontends: [],
  multipath: ['native', 'pr', 'transports', 'util'],
  native: ['util'],
  nvme: ['pr'],
  pr: [],
  scsi: ['pr'],
  telemetry: [],
  transports: ['native', 'nvme', 'pr', 'scsi', 'util'],
  util: [],
};
const folders = readdirSync(new URL('src', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

function importsOf(folder) {
  const forbidden = folders.filter(
    (other) => other !== folder && !(mayImport[folder] ?? []).includes(other),
  );
  return {
    files: [`src/${folder}/**`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: forbidden.map((other) => ({
            group: [`**/${other}/*`],
            message: `src/${folder} may not import src/${other}: see src/ARCHITECTURE.md.`,
          })),
        },
      ],
    },
  };
}

export default defineConfig(
  { ignores: ['dist/', 'build/', '.cache/', 'node_modules/'] },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js', 'vitest.config.ts'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // A promise nobody awaits is an error nobody sees.
      '@typescript-eslint/no-floating-promises': ['error', { checkThenables: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      eqeqeq: 'error',
      'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true } }],
    },
  },
  folders.map(importsOf),
  { files: ['**/*.{js,mjs}'], extends: [tseslint.configs.disableTypeChecked] },
  {
    // Tools read these by their default export.
    files: ['*.config.{js,ts}'],
    rules: { 'no-restricted-exports': 'off' },
  },
);
