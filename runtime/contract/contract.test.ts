import { readFileSync } from 'node:fs';
import { create, fromBinary, setExtension, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema, type MethodDescriptorProto, MethodOptionsSchema } from '@bufbuild/protobuf/wkt';
import { describe, expect, test } from 'vitest';
import { AccessSchema, access, Exposure } from '#gen/options/v1/access_pb.ts';
import { http } from '#gen-google/api/annotations_pb.ts';
import { HttpRuleSchema } from '#gen-google/api/http_pb.ts';
import { descriptorSetPath, readContract } from './contract.ts';

/** The contract with one method's options replaced. */
function contractWith(methodName: string, change: (method: MethodDescriptorProto) => void): Uint8Array {
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(descriptorSetPath));
  const methods = set.file.flatMap((file) => file.service).flatMap((service) => service.method);
  const method = methods.find(({ name }) => name === methodName);
  if (!method) throw new Error(`The contract has no ${methodName}.`);
  change(method);
  return toBinary(FileDescriptorSetSchema, set);
}

function options(exposure: Exposure, path?: string) {
  const made = create(MethodOptionsSchema);
  setExtension(made, access, create(AccessSchema, { exposure }));
  if (path) setExtension(made, http, create(HttpRuleSchema, { pattern: { case: 'get', value: path } }));
  return made;
}

describe('the contract', () => {
  test('is read with every binding', () => {
    const redirect = readContract(readFileSync(descriptorSetPath)).find(({ name }) => name.endsWith('/Redirect'));
    expect(redirect?.bindings.map(({ verb, path }) => `${verb} ${path.text}`)).toEqual([
      'GET /{code}',
      'GET /r/{code}',
      'HEAD /{code}',
      'HEAD /r/{code}',
    ]);
    expect(redirect?.exposure).toBe(Exposure.EDGE);
  });

  test('is refused when a call does not say who may make it', () => {
    const without = contractWith('GetLink', (method) => {
      method.options = create(MethodOptionsSchema);
    });
    expect(() => readContract(without)).toThrow('hop.link.v1.LinkService/GetLink does not say who may call it');
    const unspecified = contractWith('GetLink', (method) => {
      method.options = options(Exposure.UNSPECIFIED);
    });
    expect(() => readContract(unspecified)).toThrow('does not say who may call it');
  });

  test('is refused when an internal call has a path', () => {
    const leaky = contractWith('Watch', (method) => {
      method.options = options(Exposure.INTERNAL, '/api/v1/watch');
    });
    expect(() => readContract(leaky)).toThrow('hop.link.v1.LinkService/Watch is INTERNAL');
  });

  test('is refused when an edge call has none', () => {
    const mute = contractWith('GetPage', (method) => {
      method.options = options(Exposure.EDGE);
    });
    expect(() => readContract(mute)).toThrow('needs a path');
  });

  test('is refused when it is empty', () => {
    expect(() => readContract(toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema)))).toThrow(
      'no hop.* service',
    );
  });
});
