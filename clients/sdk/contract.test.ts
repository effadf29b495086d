import { readFileSync } from 'node:fs';
import { createFileRegistry, type DescMethod, type DescService, fromBinary, getOption } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { access, Exposure } from '../../gen/hop/options/v1/access_pb.ts';
import * as services from './src/services.ts';

const contract = fromBinary(FileDescriptorSetSchema, readFileSync(new URL('../../gen/hopline.binpb', import.meta.url)));

const callsOf = (all: Iterable<DescService>): DescMethod[] => [...all].flatMap((service) => service.methods);
const nameOf = (method: DescMethod): string => `${method.parent.typeName}/${method.name}`;

function isOpen(method: DescMethod): boolean {
  const { exposure, internalListener } = getOption(method, access);
  return exposure === Exposure.PUBLIC || internalListener;
}

it('the client has the calls that the contract opens to the outside, and no other', () => {
  const known = [...createFileRegistry(contract)].filter(
    (desc) => desc.kind === 'service' && desc.typeName.startsWith('hop.'),
  );
  const open = callsOf(known as DescService[]).filter(isOpen);
  expect(open.length).toBeGreaterThan(15);
  expect(callsOf(Object.values(services)).map(nameOf).toSorted()).toEqual(open.map(nameOf).toSorted());
});
