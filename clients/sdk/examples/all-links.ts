import { createHopline } from '@hopline/client';

const hop = createHopline({
  url: process.env.HOP_URL ?? 'http://localhost:8080',
  apiKey: process.env.HOP_API_KEY ?? '',
});

let count = 0;
for await (const link of hop.allLinks({ search: 'sale', pageSize: 100 })) {
  count += 1;
  console.log(`${link.code}\t${link.longUrl}`);
}
console.log(`${count} in all`);
