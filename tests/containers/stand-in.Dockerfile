# A stand-in for the images of nginx and PostgreSQL from Debian's packages, where no registry is at hand. It takes what
# docker/compose.yaml gives the official ones: their commands, users and variables.
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
RUN apt-get update && apt-get install --yes --no-install-recommends nginx-light postgresql wget && rm -rf /var/lib/apt/lists/* \
 && ln -s /usr/lib/postgresql/*/bin/* /usr/local/bin/ && chmod 1777 /run/postgresql \
 && echo 'postgres-70:x:70:70::/var/lib/postgresql:/bin/sh' >> /etc/passwd
COPY stand-in-postgres /usr/local/bin/docker-entrypoint.sh
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
