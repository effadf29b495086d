// Written once by the version that began each format, and never again: formats.test.ts says what each of them is. Bytes are in base64.
export const golden = {
  cacheKey: 'hop:l:hop.example/größe',
  cacheEntry:
    'MDAwMDAwMDAwMDAwMDAwNwokMDE5MmYwYzEtMTExMS03MzMzLTg0NDQtNTU1NTY2NjY3Nzc3Egtob3AuZXhhbXBsZRoHZ3LDtsOfZSAHKiQwMTkyZjBjMS0yMjIyLTczMzMtODQ0NC01NTU1NjY2Njc3NzcyJDAxOTJmMGMxLTMzMzMtNzMzMy04NDQ0LTU1NTU2NjY2Nzc3Nzj/3tmEv2ZAAUoZaHR0cHM6Ly9leGFtcGxlLm9yZy9hP2I9Y1C0AloHR3LDtsOfZWIBYWIBYmgBcgYIgKSn2gZ6CgiApKfaBhDAhD2CAQoIgKSn2gYQgIl6igELCICkp9oGEMCNtwE=',
  cacheEntryWithLimit:
    'MDAwMDAwMDAwMDAwMDAwNwokMDE5MmYwYzEtMTExMS03MzMzLTg0NDQtNTU1NTY2NjY3Nzc3Egtob3AuZXhhbXBsZRoHZ3LDtsOfZSAHKiQwMTkyZjBjMS0yMjIyLTczMzMtODQ0NC01NTU1NjY2Njc3NzcyJDAxOTJmMGMxLTMzMzMtNzMzMy04NDQ0LTU1NTU2NjY2Nzc3Nzj/3tmEv2ZAAUoZaHR0cHM6Ly9leGFtcGxlLm9yZy9hP2I9Y1C0AloHR3LDtsOfZWIBYWIBYmgBcgYIgKSn2gZ6CgiApKfaBhDAhD2CAQoIgKSn2gYQgIl6igELCICkp9oGEMCNtwGQATKYAQE=',
  watchCursor: 'MS43MzAxMjM0NTY3ODkwMTIzNDU2LjAwMDAwMDAxLjE4MDAwMDAwMDAwMDAuMTAwOjEwNToxMDEsMTAz',
  codeKeys:
    '{"keys":[{"id":1,"secret":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=","from":"0","to":"1999999"},{"id":2,"secret":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=","from":"2000000","to":"3521614606207"}]}',
  codes: ['bqQSB5t', 'GrnPilJ', '6BuSM5i'],
  codeKeyFingerprints: ['776e363f2bdce25e', 'efa687ed51a69794'],
  etag: 'lAo0U2bxFU7UDr7o',
  pageToken: 'N2JmNGNjYTI3NTViNGRiOC4xODAwMDAwMDAwMDAwLjAxOTJmMGMxLTExMTEtNzMzMy04NDQ0LTU1NTU2NjY2Nzc3Nw',
  pageTokenOfTheListAlone: 'YzhmNTQ5ZmY1ZmE1OTIyNC4xODAwMDAwMDAwMDAwLjAxOTJmMGMxLTExMTEtNzMzMy04NDQ0LTU1NTU2NjY2Nzc3Nw',
  requestHash: 'qHrTM5Aol3pGBQz2kjgxT/dIXQrvh2GeSyN+mONbGrY=',
  spoolLine:
    '{"v":1,"at":"1800000000000000","request_id":"11112222-3333-4444-8555-666677778888","method":"GET","status":302,"host":"hop.example","path":"/gr%C3%B6%C3%9Fe?a=b","referrer":"https://example.org/","user_agent":"Mozilla/5.0","accept_language":"de-DE,de","sec_purpose":null,"dnt":"1","sec_gpc":null,"address":"192.0.2.1","click":"0192f0c1-1111-7333-8444-555566667777;0192f0c1-2222-7333-8444-555566667777;7;l1;hop.example;gr%C3%B6%C3%9Fe","traceparent":null}',
  spoolLineOfSixFields:
    '{"v":1,"at":"1800000000000000","request_id":"11112222-3333-4444-8555-666677778888","method":"GET","status":302,"host":"hop.example","path":"/gr%C3%B6%C3%9Fe?a=b","link_id":"0192f0c1-1111-7333-8444-555566667777","workspace_id":"0192f0c1-2222-7333-8444-555566667777","link_version":"7","tier":"l1","domain":"hop.example","code":"gr%C3%B6%C3%9Fe","referrer":"https://example.org/","user_agent":"Mozilla/5.0","accept_language":"de-DE,de","sec_purpose":null,"dnt":"1","sec_gpc":null,"address":"192.0.2.1"}',
  clickTag:
    '0192f0c1-1111-7333-8444-555566667777;0192f0c1-2222-7333-8444-555566667777;7;l1;hop.example;gr%C3%B6%C3%9Fe',
  clickBatch:
    'CAESBmVkZ2UtMRoAGiQwMTkyZjBjMS0xMTExLTczMzMtODQ0NC01NTU1NjY2Njc3NzcaJDAxOTJmMGMxLTIyMjItNzMzMy04NDQ0LTU1NTU2NjY2Nzc3NxoLaG9wLmV4YW1wbGUaB2dyw7bDn2UaC2V4YW1wbGUub3JnGgJERRoGQmVybGluGgZtb2JpbGUaB0ZpcmVmb3gaB0FuZHJvaWQaAmRlIggAgJgoF2UGACoQEREiIjMzRESFVWZmd3eIiDIBAToBAkIBB0oBAlICrgJaAQhiCAAAAAAAAACAagEDcgEEegEFggEBBooBAQeSAQEHmgEBCKIBAQmqAQEKsgEBC7oBGAr3ZRkWzUPdhEjrIRyAMZy3rWtxaSAzMQ==',
  dimensions: ['referrer', 'country', 'city', 'device', 'browser', 'operating_system', 'language'],
  clickPageToken: 'MTczYTM1NGFjMmY0OWM5MS4xODAwMDAwMDAwMDAwMDAwLjI',
  clickPageTokenOfTheListAlone: 'NjFlYjUzZWFmYjA3MjRlZi4xODAwMDAwMDAwMDAwMDAwLjI',
  spoolCursor: '{"v":1,"segments":{"7:a":20,"8:b":5}}',
  hotLinks: '{"v":1,"links":{"hop.example/abc":12.5,"hop.example/größe":3}}',
  refreshToken: 'hopr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  apiKey: 'hop_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0m8g91',
  password: 'Ünıcode ﬁsh 日本語 pass',
  passwordHash: '$argon2id$v=19$m=19456,t=2,p=1$EPsmq4kt83MZI7QQwDfZ5Q$q4QqhQo8cEqQ3T4sWxPu32ehghJwY2jl3sqPn8vjMlg',
  cookie: 'theme=dark; __Secure-hop_session=hopr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  setCookie:
    '__Secure-hop_session=hopr_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA; Path=/hop.identity.v1.IdentityService/RefreshSession; Max-Age=2592000; HttpOnly; SameSite=Strict; Secure',
  revocationCursor: 'NzMwMTIzNDU2Nzg5MDEyMzQ1Ni0wMDAwMDAwMS8xMDA6MTA1OjEwMSwxMDNAMTgwMDAwMDAwMC4wMTIzNDUvLw',
  revocationCursorOfACut:
    'NzMwMTIzNDU2Nzg5MDEyMzQ1Ni0wMDAwMDAwMS8xMDA6MTA1OjEwMSwxMDNAMTgwMDAwMDAwMC4wMTIzNDUvMTEwOjExMDpAMTgwMDAwMDAwMS4wLzQy',
  revocationCursorWithoutTime: 'NzMwMTIzNDU2Nzg5MDEyMzQ1Ni0wMDAwMDAwMS8xMDA6MTA1OjEwMSwxMDMvLw',
  callerKey: 'MC4CAQAwBQYDK2VwBCIEIKeO7rHBIjytXmPoQKTIn6aYRHXNjYOGeC9ba4+BRkQL',
  callerToken:
    'Cg5nYXRld2F5LWFjY2VzcxIQZ2F0ZXdheS1hY2Nlc3MtMRgCIiQwMTkyZjBjMS0zMzMzLTczMzMtODQ0NC01NTU1NjY2Njc3NzcqJDAxOTJmMGMxLTIyMjItNzMzMy04NDQ0LTU1NTU2NjY2Nzc3NzIGbWVtYmVyOgpsaW5rczpyZWFkOgtsaW5rczp3cml0ZUIkMDE5MmYwYzEtMTExMS03MzMzLTg0NDQtNTU1NTY2NjY3Nzc3SiJob3AubGluay52MS5MaW5rU2VydmljZS9DcmVhdGVMaW5rUiQxMTExMjIyMi0zMzMzLTQ0NDQtODU1NS02NjY2Nzc3Nzg4ODhaBgiApKfaBmIGCJ6kp9oGagYIvKSn2gY.46SatMbpgtRwNpDwyVbbZ2M63-wwzJNX-HE0eM751E2A4l4XeFCaiDapb2WNWIg1q-vNI_davF2kz0V16A38AQ',
} as const;
