import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

// For those who run the installation; anybody else is refused: OPERATOR_ONLY.
const mesh = await hop.status.getMeshStatus({});
console.log(mesh.state);
for (const { name, answers } of mesh.processes) console.log(answers ? name : `${name} does not answer`);
