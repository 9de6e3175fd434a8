import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { version } from '../../src/version.ts';
import type { Ingredient } from './licenses.ts';

function describe({ name, version: its, license, purl, hash }: Ingredient): Models.Component {
  const component = new Models.Component(Enums.ComponentType.Library, name, { version: its, purl, bomRef: purl });
  component.licenses.add(
    / (OR|AND|WITH) /.test(license) ? new Models.LicenseExpression(license) : new Models.SpdxLicense(license),
  );
  if (hash !== undefined) component.hashes.set(hash.algorithm as Enums.HashAlgorithm, hash.hex);
  return component;
}

/** The bill of materials of the executable in CycloneDX 1.6, JSON; the same bytes every time. */
export function createSbom(ingredients: readonly Ingredient[]): string {
  const purl = `pkg:generic/dra-sriov-cni@${version}`;
  const ours = new Models.Component(Enums.ComponentType.Application, 'dra-sriov', { version, purl, bomRef: purl });
  ours.licenses.add(new Models.SpdxLicense('Apache-2.0'));
  const bom = new Models.Bom({ metadata: new Models.Metadata({ component: ours }) });
  for (const component of ingredients.map(describe)) {
    bom.components.add(component);
    ours.dependencies.add(component.bomRef);
  }
  const normalizers = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  return `${new Serialize.JsonSerializer(normalizers).serialize(bom, { sortLists: true, space: 2 })}\n`;
}
