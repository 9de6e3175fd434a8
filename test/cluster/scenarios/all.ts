import { churnScenarios } from './churn.ts';
import { deliveryScenarios } from './delivery.ts';
import { demoScenarios } from './demo.ts';
import { networkScenarios } from './networks.ts';
import { objectScenarios } from './objects.ts';
import { relativeScenarios } from './relatives.ts';
import { restartScenarios } from './restarts.ts';
import type { Scenario } from './scenario.ts';
import { standaloneScenarios } from './standalone.ts';
import { switchScenarios } from './switch.ts';
import { vfioScenarios } from './vfio.ts';

export const scenarios: readonly Scenario[] = [
  ...objectScenarios,
  ...demoScenarios,
  ...relativeScenarios,
  ...networkScenarios,
  ...restartScenarios,
  ...switchScenarios,
  ...standaloneScenarios,
  ...deliveryScenarios,
  ...vfioScenarios,
  ...churnScenarios,
];
