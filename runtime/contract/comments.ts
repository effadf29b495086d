import { fromBinary } from '@bufbuild/protobuf';
import { type DescriptorProto, type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

/**
 * What the protos say about themselves, by full name: hop.link.v1.LinkService.CreateLink, hop.link.v1.Link.code. Generated
 * code leaves comments out; the descriptor set has them.
 */
export type Comments = ReadonlyMap<string, string>;

/** Field numbers of descriptor.proto, which the places of comments are made of. */
const place = { message: 4, service: 6, fieldOfMessage: 2, nested: 3, methodOfService: 2 } as const;

export function readComments(descriptorSet: Uint8Array): Comments {
  const comments = new Map<string, string>();
  for (const file of fromBinary(FileDescriptorSetSchema, descriptorSet).file) {
    const texts = textsByPlace(file);
    const keep = (name: string, path: readonly number[]): void => {
      const text = texts.get(path.join('.'));
      if (text) comments.set(name, text);
    };
    file.messageType.forEach((message, index) => {
      keepMessage(message, `${file.package}.${message.name}`, [place.message, index], keep);
    });
    file.service.forEach((service, index) => {
      const name = `${file.package}.${service.name}`;
      keep(name, [place.service, index]);
      service.method.forEach((method, at) => {
        keep(`${name}.${method.name}`, [place.service, index, place.methodOfService, at]);
      });
    });
  }
  return comments;
}

function keepMessage(
  message: DescriptorProto,
  name: string,
  path: readonly number[],
  keep: (name: string, path: readonly number[]) => void,
): void {
  keep(name, path);
  message.field.forEach((field, index) => {
    keep(`${name}.${field.name}`, [...path, place.fieldOfMessage, index]);
  });
  message.nestedType.forEach((nested, index) => {
    keepMessage(nested, `${name}.${nested.name}`, [...path, place.nested, index], keep);
  });
}

function textsByPlace(file: FileDescriptorProto): Map<string, string> {
  const locations = file.sourceCodeInfo?.location ?? [];
  return new Map(
    locations
      .filter(({ leadingComments }) => leadingComments)
      .map(({ path, leadingComments = '' }) => [path.join('.'), paragraphs(leadingComments)]),
  );
}

/** Lines become paragraphs again; an empty line is where one ends. */
function paragraphs(comment: string): string {
  return comment
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replaceAll(/\s+/g, ' ').trim())
    .filter((paragraph) => paragraph !== '')
    .join('\n\n');
}
