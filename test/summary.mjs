// Sums up the JSON reports of the tiers that ran: `node summary.mjs DIRECTORY TIER …`. The last
// line is `N passed, N failed, N skipped`; exits 1 when a test failed, a report is missing or none
// ran.
import { readFileSync } from 'node:fs';

const [directory, ...tiers] = process.argv.slice(2);
let passed = 0;
let failed = 0;
let skipped = 0;
for (const tier of tiers) {
  let report;
  try {
    report = JSON.parse(readFileSync(`${directory}/report-${tier}.json`, 'utf8'));
  } catch (error) {
    console.log(`FAILED ${tier}: no report (${error.message})`);
    failed += 1;
    continue;
  }
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  skipped += report.numPendingTests + report.numTodoTests;
  for (const file of report.testResults) {
    const broken = file.assertionResults.filter(({ status }) => status === 'failed');
    for (const { fullName, failureMessages } of broken) {
      console.log(`FAILED ${tier}: ${fullName}`);
      for (const message of failureMessages) console.log(excerpt(message));
    }
    if (file.status === 'failed' && broken.length === 0) {
      console.log(`FAILED ${tier}: ${file.name} did not run: ${file.message}`);
      failed += 1;
    }
  }
}
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
if (failed > 0 || passed === 0) process.exitCode = 1;

// Why, for whoever sees the end of the log only.
function excerpt(message) {
  const lines = message.split('\n').filter((line) => line.trim() !== '');
  return lines
    .slice(0, 8)
    .map((line) => `    ${line.trim().slice(0, 200)}`)
    .join('\n');
}
