/** Outcomes of reservation commands for people to read. */
import type { PrDataJson, PrOutcomeJson, RegistrationJson } from '../control/reservation-json.js';

export function outcomeText(outcome: PrOutcomeJson): string {
  switch (outcome.status) {
    case 'good':
      return outcome.data === undefined ? 'done' : dataText(outcome.data);
    case 'check-condition': {
      const { senseKey, asc, ascq } = outcome.sense;
      return `refused: sense ${hex(senseKey, 1)}/${hex(asc, 2)}/${hex(ascq, 2)}`;
    }
    case 'reservation-conflict':
      return 'refused: reservation conflict';
    case 'busy':
      return 'refused: busy, try again';
    case 'task-set-full':
      return 'refused: too many commands wait, try again';
  }
}

function dataText(data: PrDataJson): string {
  switch (data.action) {
    case 'read-keys':
      return lines(data.generation, data.keys, 'no keys are registered');
    case 'read-reservation': {
      const { generation, reservation } = data;
      const held = reservation === null ? [] : [`${reservation.type}, key ${reservation.key}`];
      return lines(generation, held, 'not reserved');
    }
    case 'read-full-status':
      return lines(
        data.generation,
        data.registrations.map(registrationText),
        'nobody has registered',
      );
    case 'report-capabilities':
      return [
        `persists through power loss: ${data.persistThroughPowerLoss ? 'can' : 'no'}, ` +
          `active: ${data.persistThroughPowerLossActive ? 'yes' : 'no'}`,
        `all target ports: ${data.allTgPt ? 'yes' : 'no'}`,
        `specify initiator ports: ${data.specIPt ? 'yes' : 'no'}`,
        `types: ${data.types.join(', ')}`,
      ].join('\n');
  }
}

function registrationText({ key, nexus, holds }: RegistrationJson): string {
  const initiator = nexus.replace(/,.*$/, '');
  return `${key}  ${initiator}${holds === null ? '' : `  holds ${holds}`}`;
}

function lines(generation: number, texts: readonly string[], none: string): string {
  const body = texts.length === 0 ? [none] : texts;
  return [`generation ${generation}`, ...body.map((text) => `  ${text}`)].join('\n');
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
