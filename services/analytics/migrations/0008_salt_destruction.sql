-- What was destroyed of visitor_salts, in one row: so that no process puts a destroyed salt back from its memory, and so that a file
-- with deleted rows is written anew, however often that was broken off.
create table salt_destruction (
  -- The salts of the days before this one are gone for good.
  before date not null,
  -- How often rows were deleted, and how many of these deletions the file no longer holds.
  deletions bigint not null,
  rewritten bigint not null
);
insert into salt_destruction values ('-infinity', 0, 0);
