-- Which password of a person it is, counted from 0: a session is opened only with the one that was checked, so that a log-in under way
-- while the password is changed does not outlive it. And which session changed it last: that one may say it again.
alter table identity.users
  add column password_version integer not null default 0,
  add column password_changed_by uuid;
